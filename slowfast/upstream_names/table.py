"""Upstream's import paths, and the file of this folder that has each name.

A path with no name here is a module whose names are not built (`not_built.yaml`), or a package of
this tree whose upstream submodules can be reached as attributes.
"""

from __future__ import annotations


def _names(**files: str) -> dict[str, str]:
    """File by name, from names by file."""
    return {name: file for file, names in files.items() for name in names.split()}


NAMES: dict[str, dict[str, str]] = {
    # ------------------------------------------------------------------ config
    "slowfast.config.defaults": _names(run="_C"),
    # ------------------------------------------------------------------ datasets
    "slowfast.datasets": _names(data="Ptvcharades Ptvkinetics Ptvssv2"),
    "slowfast.datasets.ava_dataset": {},
    "slowfast.datasets.ava_helper": {},
    "slowfast.datasets.cv2_transform": _names(
        cv2_transform="""
            CHW2HWC HWC2CHW blend brightness brightness_list center_crop clip_boxes_to_image
            color_jitter color_jitter_list color_normalization contrast contrast_list crop_boxes
            flip_boxes grayscale horizontal_flip horizontal_flip_list lighting lighting_list
            pad_image random_crop_list random_scale_jitter random_scale_jitter_list
            random_short_side_scale_jitter_list random_sized_crop random_sized_crop_list
            revert_scaled_boxes saturation saturation_list scale scale_boxes
            spatial_shift_crop_list
        """
    ),
    "slowfast.datasets.decoder": _names(
        videos="""
            decode get_multiple_start_end_idx get_start_end_idx pyav_decode pyav_decode_stream
            temporal_sampling torchvision_decode
        """
    ),
    "slowfast.datasets.loader": _names(data="multiple_samples_collate"),
    "slowfast.datasets.mixup": _names(
        mixup="MixUp convert_to_one_hot get_cutmix_bbox mixup_target rand_bbox"
    ),
    "slowfast.datasets.multigrid_helper": _names(run="ShortCycleBatchSampler"),
    "slowfast.datasets.ptv_datasets": _names(
        data="PackPathway Ptvcharades Ptvkinetics Ptvssv2 div255 rgb2bgr"
    ),
    "slowfast.datasets.rand_augment": _names(
        rand_augment="""
            AugmentOp RandAugment auto_contrast brightness color contrast equalize invert posterize
            rand_augment_ops rand_augment_transform rotate sharpness shear_x shear_y solarize
            solarize_add translate_x_abs translate_x_rel translate_y_abs translate_y_rel
        """
    ),
    "slowfast.datasets.random_erasing": _names(rand_augment="RandomErasing"),
    "slowfast.datasets.transform": _names(
        transform="""
            RandomResizedCropAndInterpolation blend brightness_jitter clip_boxes_to_image
            color_jitter color_normalization contrast_jitter create_random_augment crop_boxes
            grayscale horizontal_flip lighting_jitter random_crop random_resized_crop
            random_resized_crop_with_shift random_short_side_scale_jitter random_sized_crop_img
            saturation_jitter uniform_crop
        """,
        rand_augment="transforms_imagenet_train",
    ),
    "slowfast.datasets.utils": _names(
        data="""
            aggregate_labels as_binary_vector aug_frame convert_to_video_level_labels create_sampler
            get_random_sampling_rate get_sequence load_image_lists loader_worker_init_fn
            pack_pathway_output retry_load_images revert_tensor_normalize spatial_sampling
            tensor_normalize
        """,
        run="pathmgr",
    ),
    "slowfast.datasets.video_container": _names(videos="get_video_container"),
    # ------------------------------------------------------------------ models
    "slowfast.models": {},
    "slowfast.models.attention": {},
    "slowfast.models.batchnorm_helper": _names(layers="NaiveSyncBatchNorm3d"),
    "slowfast.models.common": _names(layers="DropPath Mlp Permute drop_path"),
    "slowfast.models.contrastive": {},
    "slowfast.models.custom_video_model_builder": {},
    "slowfast.models.head_helper": _names(layers="ResNetBasicHead X3DHead"),
    "slowfast.models.losses": _names(run="SoftTargetCrossEntropy"),
    "slowfast.models.masked": {},
    "slowfast.models.nonlocal_helper": _names(layers="Nonlocal"),
    "slowfast.models.operators": _names(layers="SE Swish"),
    "slowfast.models.optimizer": _names(run="LARS get_grad_norm_ get_param_groups"),
    "slowfast.models.ptv_model_builder": _names(
        networks="PTVCSN PTVMViT PTVR2plus1D PTVResNet PTVSlowFast PTVX3D get_head_act"
    ),
    "slowfast.models.resnet_helper": _names(
        layers="""
            BasicTransform BottleneckTransform ResBlock ResStage X3DTransform get_trans_func
            Nonlocal SE Swish drop_path
        """
    ),
    "slowfast.models.reversible_mvit": {},
    "slowfast.models.stem_helper": _names(
        layers="ResNetBasicStem VideoModelStem X3DStem get_stem_func"
    ),
    "slowfast.models.utils": _names(
        networks="get_3d_sincos_pos_embed round_width validate_checkpoint_wrapper_import",
        checkpoint="interpolate_pos_embed",
    ),
    "slowfast.models.video_model_builder": _names(
        layers="FuseFastToSlow",
        networks="MViT ResNet SlowFast X3D _MODEL_STAGE_DEPTH _POOL1 _TEMPORAL_KERNEL_BASIS",
    ),
    # ------------------------------------------------------------------ utils
    "slowfast.utils": {},
    "slowfast.utils.ava_eval_helper": {},
    "slowfast.utils.benchmark": {},
    "slowfast.utils.bn_helper": _names(run="compute_and_update_bn_stats"),
    "slowfast.utils.c2_model_loading": _names(checkpoint="get_name_convert_func"),
    "slowfast.utils.checkpoint": _names(
        checkpoint="""
            c2_normal_to_sub_bn get_checkpoint_dir get_last_checkpoint get_name_convert_func
            get_path_to_checkpoint has_checkpoint inflate_weight is_checkpoint_epoch load_checkpoint
            load_test_checkpoint load_train_checkpoint make_checkpoint_dir normal_to_sub_bn
            save_checkpoint sub_to_normal_bn
        """,
        run="pathmgr",
    ),
    "slowfast.utils.distributed": _names(
        run="AllGatherWithGradient GatherLayer init_distributed_training is_root_proc"
    ),
    "slowfast.utils.env": _names(run="checkpoint_pathmgr pathmgr setup_environment"),
    "slowfast.utils.lr_policy": _names(
        run="""
            get_lr_at_epoch get_lr_func get_step_index lr_func_cosine
            lr_func_steps_with_relative_lrs
        """
    ),
    "slowfast.utils.meters": _names(
        meters="EpochTimer ListMeter ScalarMeter TestMeter TrainMeter ValMeter get_map"
    ),
    "slowfast.utils.metrics": _names(
        meters="multitask_topks_correct topk_accuracies topk_errors topks_correct"
    ),
    "slowfast.utils.misc": _names(
        misc="""
            aggregate_sub_bn_stats check_nan_losses convert_normalized_images cpu_mem_usage
            frozen_bn_stats get_class_names get_model_stats get_num_params gpu_mem_usage
            is_eval_epoch launch_job log_model_info params_count plot_input plot_input_normed
        """
    ),
    "slowfast.utils.multigrid": _names(
        run="MultigridSchedule get_current_long_cycle_shape print_schedule"
    ),
    "slowfast.utils.multiprocessing": _names(run="run"),
    "slowfast.utils.weight_init_helper": _names(layers="init_weights"),
    # ------------------------------------------------------------------ visualization
    "slowfast.visualization": {},
    "slowfast.visualization.async_predictor": {},
    "slowfast.visualization.ava_demo_precomputed_boxes": {},
    "slowfast.visualization.demo_loader": {},
    "slowfast.visualization.gradcam_utils": _names(visualization="GradCAM"),
    "slowfast.visualization.prediction_vis": {},
    "slowfast.visualization.predictor": _names(visualization="ActionPredictor Predictor"),
    "slowfast.visualization.tensorboard_vis": _names(
        visualization="TensorboardWriter add_confusion_matrix add_heatmap add_ndim_array plot_hist"
    ),
    "slowfast.visualization.utils": _names(
        visualization="""
            GetWeightAndActivation TaskInfo get_confusion_matrix get_indexing get_layer
            plot_confusion_matrix plot_topk_histogram process_cv2_inputs process_layer_index_data
        """
    ),
    "slowfast.visualization.video_visualizer": {},
}
